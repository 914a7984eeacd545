package command

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"wellkeeper.internal/appliance"
)

// usualData is where an installed box keeps its data.
const usualData = "/var/lib/wellkeeper"

func newUser(streams Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Say who may log in",
		Long: `Makes, changes and lists the users of a box, at the box itself: as root or as the user
that the appliance runs as. It works while the appliance runs, which takes the change
in at once, and while it does not.

Roles, each with the rights of those before it: viewer, technician (reads registers,
compares with the panel), engineer, admin (users). A forgotten password is set anew with
passwd; that ends every login of the user.`,
		Example: `  sudo wellkeeper user add mreyes --role technician
  sudo wellkeeper user passwd mreyes
  sudo wellkeeper user list`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var data string
	cmd.PersistentFlags().StringVar(&data, "data", usualData, "the data folder of the appliance")
	cmd.AddCommand(newUserAdd(streams, &data), newUserPasswd(streams, &data), newUserRole(streams, &data), newUserRemove(streams, &data), newUserList(streams, &data))
	return cmd
}

func newUserAdd(streams Streams, data *string) *cobra.Command {
	r := appliance.UserRequest{Do: "add"}
	var stdin bool
	cmd := &cobra.Command{
		Use: "add NAME --role ROLE", Short: "Add a user", Args: oneArg("the name of the user"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			r.Name = args[0]
			if r.Role == "" {
				return usageError{errors.New("--role is required: viewer, technician, engineer or admin")}
			}
			if r.Password, err = newPassword(streams, stdin); err != nil {
				return err
			}
			return change(cmd.Context(), streams, *data, r, r.Name+" was added as "+r.Role)
		},
	}
	cmd.Flags().StringVar(&r.Role, "role", "", "viewer, technician, engineer or admin")
	passwordFlag(cmd, &stdin)
	return cmd
}

func newUserPasswd(streams Streams, data *string) *cobra.Command {
	var stdin bool
	cmd := &cobra.Command{
		Use: "passwd NAME", Short: "Set a password anew and end the user's logins", Args: oneArg("the name of the user"),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := newPassword(streams, stdin)
			if err != nil {
				return err
			}
			return change(cmd.Context(), streams, *data, appliance.UserRequest{Do: "passwd", Name: args[0], Password: password}, "the password of "+args[0]+" was set")
		},
	}
	passwordFlag(cmd, &stdin)
	return cmd
}

func newUserRole(streams Streams, data *string) *cobra.Command {
	var role string
	cmd := &cobra.Command{
		Use: "role NAME --role ROLE", Short: "Give a user another role", Args: oneArg("the name of the user"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return change(cmd.Context(), streams, *data, appliance.UserRequest{Do: "role", Name: args[0], Role: role}, args[0]+" is now "+role)
		},
	}
	cmd.Flags().StringVar(&role, "role", "", "viewer, technician, engineer or admin")
	return cmd
}

func newUserRemove(streams Streams, data *string) *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Short: "Take a user away", Args: oneArg("the name of the user"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return change(cmd.Context(), streams, *data, appliance.UserRequest{Do: "remove", Name: args[0]}, args[0]+" was removed")
		},
	}
}

func newUserList(streams Streams, data *string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the users", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := users(cmd.Context(), streams, *data, appliance.UserRequest{Do: "list"})
			if err != nil {
				return err
			}
			if asJSON {
				if list == nil {
					list = []appliance.UserLine{}
				}
				return json.NewEncoder(streams.Out).Encode(list)
			}
			if len(list) == 0 {
				_, err := fmt.Fprintln(streams.Out, "no user so far: wellkeeper user add NAME --role admin")
				return err
			}
			w := tabwriter.NewWriter(streams.Out, 0, 0, 2, ' ', 0)
			for _, u := range list {
				last := "never"
				if !u.LastLogin.IsZero() {
					last = u.LastLogin.UTC().Format(time.RFC3339)
				}
				fmt.Fprintf(w, "%s\t%s\tlast login %s\n", u.Name, u.Role, last)
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func passwordFlag(cmd *cobra.Command, stdin *bool) {
	cmd.Flags().BoolVar(stdin, "password-stdin", false, "take the password from the first line of standard input")
}

func users(ctx context.Context, streams Streams, data string, r appliance.UserRequest) ([]appliance.UserLine, error) {
	log, err := newLog(streams.Err, "error")
	if err != nil {
		return nil, err
	}
	return appliance.Users(ctx, data, r, log)
}

// change carries out a request and says that it was.
func change(ctx context.Context, streams Streams, data string, r appliance.UserRequest, done string) error {
	if _, err := users(ctx, streams, data, r); err != nil {
		return err
	}
	_, err := fmt.Fprintln(streams.Out, done)
	return err
}

const mostPasswordLine = 1024

// newPassword asks for a password twice without showing it, or takes a line of standard
// input.
func newPassword(streams Streams, stdin bool) (string, error) {
	if stdin {
		line, err := bufio.NewReader(io.LimitReader(streams.In, mostPasswordLine)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	in, ok := streams.In.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return "", usageError{errors.New("there is no terminal to ask for the password at: use --password-stdin")}
	}
	var entered [2]string
	for i, prompt := range []string{"Password (12 characters or more): ", "Once more: "} {
		fmt.Fprint(streams.Err, prompt)
		text, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(streams.Err)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		entered[i] = string(text)
	}
	if entered[0] != entered[1] {
		return "", errors.New("the two were not the same; nothing was changed")
	}
	return entered[0], nil
}
