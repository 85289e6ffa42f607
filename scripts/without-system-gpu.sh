#!/usr/bin/env bash
# Runs a command on a machine that looks as if it had no Vulkan, no OpenGL, no NSS, NSPR and expat:
#   scripts/without-system-gpu.sh npx vitest run --project device
# Only this command sees it so (a mount namespace of its own). Linux; root, or user namespaces.
set -euo pipefail

if [ "${1:-}" != --inside ]; then
  [ $# -gt 0 ] || { echo "usage: $0 COMMAND [ARGUMENT]..." >&2; exit 2; }
  user=()
  [ "$(id -u)" = 0 ] || user=(--map-root-user)
  view=$(mktemp -d)
  # Links and empty folders only: never rm -r where a system folder was mounted.
  trap 'rm -f "$view"/some_*/* && rmdir "$view"/*_* "$view"' EXIT
  unshare "${user[@]}" --mount --propagation private bash "$0" --inside "$view" "$@"
  exit
fi

view=$2
shift 2
hidden='^lib(vulkan|VkLayer|nss3|nssutil3|nssckbi|nssdbm3|nspr4|plc4|plds4|smime3|ssl3|softokn3|freebl|expat|EGL|GL|GLX|GLESv2|OpenGL|gbm|gallium).*\.so'
count=0
for folder in /usr/lib/x86_64-linux-gnu /usr/lib64; do
  [ -d "$folder" ] || continue
  name=${folder//\//_}
  mkdir "$view/all$name" "$view/some$name"
  mount --bind "$folder" "$view/all$name"
  for path in "$view/all$name"/*; do
    file=${path##*/}
    if [[ $file =~ $hidden ]]; then count=$((count + 1)); else ln -s "$path" "$view/some$name/$file"; fi
  done
  mount --bind "$view/some$name" "$folder"
done
for folder in /usr/share/vulkan /etc/vulkan /usr/share/glvnd /dev/dri; do
  if [ -d "$folder" ]; then mount -t tmpfs none "$folder"; fi
done
echo "without-system-gpu: hid $count libraries" >&2
exec "$@"
