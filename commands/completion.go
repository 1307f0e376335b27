package commands

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

func completionCommand() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "complete commands, flags and names in a shell",
		ArgsUsage: "SHELL",
		Description: `Prints what has bash, zsh or fish complete hb's commands and flags, and of the
cluster of the running node its members, tasks, task names, schedules and locks;
those are asked for at each press of the key, for at most a second. Packages bring
it along; by hand it is one line in the shell's own configuration:

    source <(hb completion bash)         # in ~/.bashrc
    source <(hb completion zsh)          # in ~/.zshrc, after compinit
    hb completion fish | source          # in ~/.config/fish/config.fish

What these print calls hb completion words -- WORDS..., which completes the last of
the words of a command line behind hb: a line for each candidate, with its meaning
behind a tab, or :files for the names of files.`,
		Action: action(1, runCompletion),
	}
}

func runCompletion(c *call) error {
	if len(c.words) == 0 {
		return usage("hb completion needs a shell: bash, zsh or fish")
	}
	scripts := map[string]string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}
	if script, known := scripts[c.words[0]]; known && !c.dashed {
		_, err := fmt.Fprint(c.stdout, script)
		return err
	}
	if c.words[0] != "words" {
		return usage("hb completion %s: there is bash, zsh and fish", c.words[0])
	}
	for _, line := range complete(c, c.behind) {
		if _, err := fmt.Fprintln(c.stdout, line); err != nil {
			return err
		}
	}
	return nil
}

const bashCompletion = `# bash completion of hb
_hb() {
	local line files=
	COMPREPLY=()
	while IFS= read -r line; do
		case $line in
		:files) files=yes ;;
		*) COMPREPLY+=("${line%%$'\t'*}") ;;
		esac
	done < <("${COMP_WORDS[0]}" completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
	[ -z "$files" ] || compopt -o default 2>/dev/null
	# A name that is not whole yet, like members=, takes no space behind it.
	[[ ${#COMPREPLY[@]} != 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2>/dev/null
}
complete -F _hb hb
`

const zshCompletion = `#compdef hb
_hb() {
	local line files= tab=$'\t'
	local -a candidates
	for line in "${(@f)$("${(Q)words[1]}" completion words -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
		case $line in
		'') ;;
		:files) files=yes ;;
		*$tab*) candidates+=("${${line%%$tab*}//:/\\:}:${line#*$tab}") ;;
		*) candidates+=("${line//:/\\:}") ;;
		esac
	done
	[[ -n $candidates ]] && _describe -V hb candidates
	[[ -n $files ]] && _files
}
if [[ $funcstack[1] == _hb ]]; then
	_hb "$@"
else
	compdef _hb hb
fi
`

const fishCompletion = `# fish completion of hb
function __hb_complete
	set -l words (commandline -opc)
	set -l current (commandline -ct)
	for line in (command $words[1] completion words -- $words[2..-1] "$current" 2>/dev/null)
		if test "$line" = :files
			__fish_complete_path "$current"
		else
			echo $line
		end
	end
end
complete -c hb -f -k -a '(__hb_complete)'
`
