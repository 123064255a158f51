# shellcheck shell=bash
# Whatever --help says of an option is all there is to know.
_ohip_poll() {
  local help value
  help=$("$1" --help 2>/dev/null)
  value=$(awk -v option="$3" '$1 == option { print $2 } $2 == option { print $3 }' <<<"$help")
  case $value in
    FILE) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$2") ;;
    DIR) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$2") ;;
    *'|'*) mapfile -t COMPREPLY < <(compgen -W "${value//|/ }" -- "$2") ;;
    *) mapfile -t COMPREPLY < <(
      compgen -W "$(grep -oE '^ +(-., )?--[a-z-]+' <<<"$help" | grep -o -- '--.*')" -- "$2") ;;
  esac
}
complete -F _ohip_poll ohip-poll ohip-stream
