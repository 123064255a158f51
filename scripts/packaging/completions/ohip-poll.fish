# Whatever --help says of an option is all there is to know.
set -l program (string replace -r '.*/(.*)\.fish$' '$1' -- (status filename))
complete -c $program -f
$program --help 2>/dev/null | while read -l line
    set -l part (string match -rg '^ *(?:-., )?--([a-z-]+) ?(\S*)  +([^[]*)' -- $line)
    or continue
    set -l option -c $program -l $part[1] -d $part[3]
    switch $part[2]
        case ''
            complete $option
        case FILE
            complete $option -rF
        case DIR
            complete $option -xa '(__fish_complete_directories)'
        case '*|*'
            complete $option -xa (string replace -a '|' ' ' $part[2])
        case '*'
            complete $option -x
    end
end
