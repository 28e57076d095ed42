# bash completion for zapkeep: commands, then their flags, both as zapkeep itself lists them.
_zapkeep() {
  local word=${COMP_WORDS[COMP_CWORD]} commands
  if [[ $word == -* ]]; then
    local words=("${COMP_WORDS[@]:1:COMP_CWORD-1}") plain=() w
    for w in "${words[@]}"; do [[ $w == -* ]] || plain+=("$w"); done
    mapfile -t COMPREPLY < <(compgen -W "$(zapkeep "${plain[@]:0:3}" --help 2>/dev/null | awk '$1 ~ /^--/ { print $1 }') --help" -- "$word")
  elif [ "$COMP_CWORD" -le 3 ]; then # names of commands have up to three words; what follows them is written in capitals
    commands=$(zapkeep --help 2>/dev/null | awk -v n="$COMP_CWORD" -v first="${COMP_WORDS[1]}" -v second="${COMP_WORDS[2]}" '
      /^  [a-z]/ && $n ~ /^[a-z]+$/ && (n < 2 || $1 == first) && (n < 3 || $2 == second) { print $n }')
    mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word")
  fi
}
complete -F _zapkeep zapkeep
