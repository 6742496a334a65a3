package cli

import (
	"context"
	"io"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// completionOptions are the command completion's.
type completionOptions struct{}

func (completionOptions) add(*groups) {}

// shells write the script of a shell, which asks the program itself what may come next
// by its hidden command __complete: so that it is that of the program's own version.
var shells = map[string]func(*cobra.Command, io.Writer) error{
	"bash": func(c *cobra.Command, w io.Writer) error { return c.GenBashCompletionV2(w, true) },
	"zsh":  (*cobra.Command).GenZshCompletion,
	"fish": func(c *cobra.Command, w io.Writer) error { return c.GenFishCompletion(w, true) },
}

func (completionOptions) run(_ context.Context, a *App, _ *groups, args []string) error {
	const usage = "image-capture completion bash, zsh or fish"
	if len(args) != 1 {
		return usagef(usage, "completion takes one argument, the shell")
	}
	write := shells[args[0]]
	if write == nil {
		return usagef(usage, "there is no completion for %s", args[0])
	}
	return write(cobraTree(), a.stdout)
}

// completeOptions are the hidden command's that the scripts call.
type completeOptions struct{}

func (completeOptions) add(*groups) {}

func (completeOptions) run(ctx context.Context, a *App, _ *groups, args []string) error {
	root := cobraTree()
	root.SetArgs(append([]string{cobra.ShellCompRequestCmd}, args...))
	root.SetOut(a.stdout)
	root.SetErr(io.Discard)
	return root.ExecuteContext(ctx)
}

// cobraTree is the program as cobra sees it, for completion only: the same commands with
// the same flags.
func cobraTree() *cobra.Command {
	var root *cobra.Command
	for _, cmd := range commands() {
		c := &cobra.Command{
			Use: cmd.name, Short: cmd.short, Run: func(*cobra.Command, []string) {}, Args: cobra.ArbitraryArgs,
			SilenceErrors: true, SilenceUsage: true, CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		}
		g := &groups{}
		cmd.options().add(g)
		for _, gr := range g.list {
			c.Flags().AddFlagSet(gr.set)
		}
		for flag, words := range g.words {
			complete(c, flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			file := namesFile(f)
			_, f.Usage = pflag.UnquoteUsage(f) // shells show it as it is
			if g.words[f.Name] == nil && !file {
				complete(c, f.Name, cobra.NoFileCompletions)
			}
		})
		switch cmd.name {
		case "completion":
			c.ValidArgs = []string{"bash", "fish", "zsh"}
		case "operations", "hooks", "version", "man", "prune":
			c.ValidArgsFunction = cobra.NoFileCompletions
		}
		if root == nil { // capture, the default
			again := *c
			again.Use, root = "image-capture", &again
		}
		root.AddCommand(c)
	}
	root.SetHelpCommand(&cobra.Command{Use: "no-help", Hidden: true})
	return root
}

// complete fails for an unknown flag, or a second time, only.
func complete(c *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := c.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err) // TestCompletion makes them all
	}
}

// namesFile says whether a flag takes the name of a file or directory, by its help.
func namesFile(f *pflag.Flag) bool {
	value, _ := pflag.UnquoteUsage(f)
	return slices.Contains([]string{"FILE", "PATH"}, value)
}
