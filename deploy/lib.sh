# Shared by deploy/run and tests/run: packages and the build. Sourced by bash with the repository as working directory.

say() { printf '%s: %s\n' "$(basename "$(dirname "$0")")/$(basename "$0")" "$*"; }
die() { say "$*" >&2; exit 1; }

# install_packages FILE…: installs the packages named in the files that are missing, by apt.
install_packages() {
  local missing=() package sudo=
  while read -r package; do
    case $package in '' | '#'*) continue ;; esac
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done < <(cat "$@")
  [ ${#missing[@]} -eq 0 ] && return 0
  command -v apt-get >/dev/null || die "this machine has no apt-get; install by hand: ${missing[*]}"
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "run as root, or install sudo; needed packages: ${missing[*]}"
    sudo=sudo
  fi
  say "installing ${#missing[@]} packages: ${missing[*]}"
  mkdir -p build
  $sudo apt-get update -qq >build/apt.log 2>&1 &&
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >>build/apt.log 2>&1 ||
    { tail -5 build/apt.log >&2; die "the packages could not be installed (all of it: build/apt.log)"; }
}

# install_node: the tools that build the console's front end; node and npm of another source are as good as Debian's.
install_node() {
  command -v node >/dev/null && command -v npm >/dev/null && return 0
  install_packages deploy/packages-web.txt
}

# build_in DIR CMAKE-ARGUMENT…: configures when needed and builds; quiet unless it fails.
build_in() {
  local dir=$1
  shift
  mkdir -p "$dir"
  cmake -S . -B "$dir" -G Ninja "$@" >"$dir/configure.log" 2>&1 ||
    { tail -20 "$dir/configure.log" >&2; die "configuring failed (all of it: $dir/configure.log)"; }
  say "building in $dir"
  if [ -t 1 ]; then
    ninja -C "$dir" || die "the build failed"
  else
    ninja -C "$dir" >"$dir/build.log" 2>&1 || { tail -40 "$dir/build.log" >&2; die "the build failed (all of it: $dir/build.log)"; }
  fi
}
