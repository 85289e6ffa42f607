/**
 * Puppeteer's own browser download is switched off, so that it can never fail an installation. The
 * tests use an installed Chrome or Chromium, or the one of @sparticuz/chromium.
 *
 * @type {import('puppeteer').Configuration}
 */
module.exports = { skipDownload: true };
