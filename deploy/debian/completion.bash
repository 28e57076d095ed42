# bash completion for zapkeep: commands, then their flags, both as zapkeep itself lists them.
_zapkeep() {
  local word=${COMP_WORDS[COMP_CWORD]} commands
  if [[ $word == -* ]]; then
    local words=("${COMP_WORDS[@]:1:COMP_CWORD-1}") plain=() w
    for w in "${words[@]}"; do [[ $w == -* ]] || plain+=("$w"); done
    mapfile -t COMPREPLY < <(compgen -W "$(zapkeep "${plain[@]:0:2}" --help 2>/dev/null | awk '$1 ~ /^--/ { print $1 }') --help" -- "$word")
  elif [ "$COMP_CWORD" -le 2 ]; then
    commands=$(zapkeep --help 2>/dev/null | awk -v n="$COMP_CWORD" -v first="${COMP_WORDS[1]}" '
      /^  [a-z]/ { if (n == 1) print $1; else if ($1 == first) print $2 }')
    mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word")
  fi
}
complete -F _zapkeep zapkeep
