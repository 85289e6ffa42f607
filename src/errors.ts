/** Base of every error that Gatefold throws on purpose. Messages say what, got, expected and remedy. */
export class GatefoldError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Tensors, layers or data whose shapes or element types do not fit together. */
export class ShapeError extends GatefoldError {}

/** An option that is unknown, out of range, or cannot be combined with another one. */
export class OptionError extends GatefoldError {}

/** A file that is malformed, cut short, or does not hold what was asked of it. */
export class FileFormatError extends GatefoldError {}

/** A token or index outside the vocabulary. */
export class VocabularyError extends GatefoldError {}

/** WebGPU is missing, refused a request, or reported a validation error. */
export class DeviceError extends GatefoldError {}

/** The device could not provide the memory that a plan needs. */
export class OutOfMemoryError extends DeviceError {}

/** The device was lost (driver reset, tab in the background, `destroy()`). */
export class DeviceLostError extends DeviceError {}

/** A WGSL module did not compile or a pipeline could not be built. */
export class ShaderError extends DeviceError {}

/** A loss, gradient or parameter became NaN or infinite. */
export class NonFiniteError extends GatefoldError {}

/** The device and the float64 reference disagree by more than the derived tolerance. */
export class ParityError extends GatefoldError {}

/** The caller's `AbortSignal` fired. */
export class AbortedError extends GatefoldError {}
