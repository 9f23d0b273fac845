// Cliv3 reads arguments as runc 1.6 does, with the library that it is built
// with, urfave/cli v3. It is asked as cliv1 is.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log"
	"os"

	"github.com/urfave/cli/v3"
)

type flag struct {
	Name, Alias   string
	Nothing, List bool
}

type tables struct {
	Global  []flag
	Verbs   map[string][]flag
	Ordered []string // verbs whose flags end at the first argument
}

type answer struct {
	Verb          string // empty: no verb was called
	Global, Flags map[string][]string
	Args          []string
}

func main() {
	cli.OsExiter = func(int) {}
	in := bufio.NewScanner(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	var t tables
	for first := true; in.Scan(); first = false {
		if first {
			if err := json.Unmarshal(in.Bytes(), &t); err != nil {
				log.Fatal(err)
			}
			continue
		}
		var args []string
		if err := json.Unmarshal(in.Bytes(), &args); err != nil {
			log.Fatal(err)
		}
		if err := out.Encode(t.ask(args)); err != nil {
			log.Fatal(err)
		}
	}
}

func (t tables) ask(args []string) (a answer) {
	app := &cli.Command{Name: "runc", Version: "1", Writer: io.Discard, ErrWriter: io.Discard, DisableSliceFlagSeparator: true}
	cli.ErrWriter = io.Discard
	app.Flags = declare(t.Global)
	for name, flags := range t.Verbs {
		command := &cli.Command{Name: name, Flags: declare(flags), DisableSliceFlagSeparator: true, Writer: io.Discard, ErrWriter: io.Discard}
		for _, ordered := range t.Ordered {
			if ordered == name {
				command.StopOnNthArg = new(1)
			}
		}
		command.Action = func(_ context.Context, c *cli.Command) error {
			a.Verb, a.Args = name, c.Args().Slice()
			a.Global = values(t.Global, c)
			a.Flags = values(flags, c)
			return nil
		}
		app.Commands = append(app.Commands, command)
	}
	_ = app.Run(context.Background(), append([]string{"runc"}, args...)) // an error: no verb was called
	return a
}

func declare(flags []flag) []cli.Flag {
	var declared []cli.Flag
	for _, f := range flags {
		var aliases []string
		if f.Alias != "" {
			aliases = []string{f.Alias}
		}
		switch {
		case f.Name == "help" || f.Name == "version": // the library's own
		case f.Nothing:
			declared = append(declared, &cli.BoolFlag{Name: f.Name, Aliases: aliases})
		case f.List:
			declared = append(declared, &cli.StringSliceFlag{Name: f.Name, Aliases: aliases})
		default:
			declared = append(declared, &cli.StringFlag{Name: f.Name, Aliases: aliases})
		}
	}
	return declared
}

func values(flags []flag, c *cli.Command) map[string][]string {
	set := map[string][]string{}
	for _, f := range flags {
		switch {
		case f.List && len(c.StringSlice(f.Name)) > 0: // which IsSet does not see in every version
			set[f.Name] = c.StringSlice(f.Name)
		case f.Name == "help" || f.Name == "version" || !c.IsSet(f.Name):
		case f.Nothing && c.Bool(f.Name):
			set[f.Name] = []string{"true"}
		case f.Nothing:
			set[f.Name] = []string{"false"}
		default:
			set[f.Name] = []string{c.String(f.Name)}
		}
	}
	return set
}
