package appliance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"wellkeeper.internal/storage"
	"wellkeeper.internal/web/auth"
)

// controlName is the socket in the data folder by which the program on the box asks
// the appliance that runs there: the store is open in that process and in no other.
const controlName = "control.sock"

const (
	controlPatience = 15 * time.Second
	mostControl     = 64 << 10 // bytes of a question or an answer
)

// console is who does what is asked for on the box itself, in records.
const console = "the console of the box"

// UserRequest is a change of the users, or with Do "list" a question.
type UserRequest struct {
	Do       string `json:"do"` // add, passwd, role, remove or list
	Name     string `json:"name,omitempty"`
	Password string `json:"password,omitempty"`
	Role     string `json:"role,omitempty"`
}

// UserAnswer is what came of a UserRequest.
type UserAnswer struct {
	Error string     `json:"error,omitempty"`
	Users []UserLine `json:"users,omitempty"`
}

// UserLine is one user.
type UserLine struct {
	ID        uint64    `json:"id"`
	Name      string    `json:"username"`
	Role      auth.Role `json:"role"`
	Created   time.Time `json:"created_at"`
	LastLogin time.Time `json:"last_login,omitzero"`
}

// Users carries out a request on the users of a data folder: through the appliance that
// runs there, or where none does in the store itself.
func Users(ctx context.Context, folder string, r UserRequest, log zerolog.Logger) ([]UserLine, error) {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", filepath.Join(folder, controlName))
	switch {
	case err == nil:
		return ask(conn, &r)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s belongs to another user: run this with sudo", folder)
	}
	info, err := os.Stat(folder)
	if err != nil || !info.IsDir() {
		return nil, fmt.Errorf("there is no data folder %s: name it with --data, or start the appliance once", folder)
	}
	if err := becomeOwner(info); err != nil {
		return nil, err
	}
	store, err := storage.Open(ctx, storage.Config{Dir: folder, Log: log})
	if err != nil {
		return nil, err
	}
	a := &App{store: store, log: log}
	users, err := a.newUsers()
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	list, err := carryOut(ctx, users, &r)
	return list, errors.Join(err, store.Close())
}

// becomeOwner makes root the owner of the folder for the rest of this process, so that
// the appliance can still write every file in it.
func becomeOwner(folder fs.FileInfo) error {
	of, ok := folder.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || of.Uid == 0 {
		return nil
	}
	err := errors.Join(syscall.Setgroups([]int{int(of.Gid)}), syscall.Setgid(int(of.Gid)), syscall.Setuid(int(of.Uid)))
	if err != nil {
		return fmt.Errorf("become the owner of the data folder: %w", err)
	}
	return nil
}

// ask sends a request to the appliance.
func ask(conn net.Conn, r *UserRequest) ([]UserLine, error) {
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(controlPatience)); err != nil {
		return nil, fmt.Errorf("ask the running appliance: %w", err)
	}
	var answer UserAnswer
	err := json.NewEncoder(conn).Encode(r) //nolint:gosec // the password goes to the appliance, on this machine
	if err == nil {
		err = json.NewDecoder(conn).Decode(&answer)
	}
	if err != nil {
		return nil, fmt.Errorf("ask the running appliance: %w", err)
	}
	if answer.Error != "" {
		return nil, errors.New(answer.Error)
	}
	return answer.Users, nil
}

// carryOut does what a request says.
func carryOut(ctx context.Context, users *auth.Authority, r *UserRequest) ([]UserLine, error) {
	role, known := auth.ParseRole(r.Role)
	if !known && (r.Do == "add" || r.Do == "role") {
		return nil, errors.New("the role must be viewer, technician, engineer or admin")
	}
	var err error
	switch r.Do {
	case "add":
		_, err = users.Add(ctx, console, r.Name, r.Password, role)
	case "passwd":
		err = users.SetPassword(ctx, console, r.Name, r.Password)
	case "role":
		err = users.SetRole(ctx, console, r.Name, role)
	case "remove":
		err = users.Remove(ctx, console, r.Name)
	case "list":
	default:
		err = fmt.Errorf("this release does not know how to %q users", r.Do)
	}
	if err != nil {
		return nil, err
	}
	var list []UserLine
	for _, u := range users.Users() {
		list = append(list, UserLine(u))
	}
	return list, nil
}

// openControl makes the socket. The folder is locked, so what is left there is of a
// process that has ended. A box without it still polls.
func (a *App) openControl(ctx context.Context) {
	path := filepath.Join(a.config.Load().Data, controlName)
	err := os.Remove(path)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		a.control, err = (&net.ListenConfig{}).Listen(ctx, "unix", path)
	}
	if err == nil {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		a.log.Warn().Err(err).Str("component", "control").Msg("wellkeeper user will not reach this process")
	}
}

// serveControl answers one question after the other until ctx ends.
func (a *App) serveControl(ctx context.Context) error {
	if a.control == nil {
		return nil
	}
	stop := context.AfterFunc(ctx, func() { _ = a.control.Close() })
	defer stop()
	for {
		conn, err := a.control.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			a.log.Warn().Err(err).Str("component", "control").Msg("no more questions of wellkeeper user are taken")
			return nil
		}
		if err := a.answerControl(ctx, conn); err != nil {
			a.log.Warn().Err(err).Str("component", "control").Msg("a question of wellkeeper user was not answered")
		}
	}
}

func (a *App) answerControl(ctx context.Context, conn net.Conn) error {
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(controlPatience)); err != nil {
		return err
	}
	if err := fromOwner(conn); err != nil {
		return err
	}
	var r UserRequest
	if err := json.NewDecoder(io.LimitReader(conn, mostControl)).Decode(&r); err != nil {
		return fmt.Errorf("read the question: %w", err)
	}
	var answer UserAnswer
	list, err := carryOut(ctx, a.users, &r)
	if err != nil {
		answer.Error = err.Error()
	}
	answer.Users = list
	return json.NewEncoder(conn).Encode(answer)
}

// fromOwner refuses everybody but root and the user that this process runs as.
func fromOwner(conn net.Conn) error {
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return err
	}
	var peer *unix.Ucred
	var asked error
	err = raw.Control(func(fd uintptr) { peer, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(err, asked); err != nil {
		return fmt.Errorf("ask who it is: %w", err)
	}
	if peer.Uid != 0 && int(peer.Uid) != os.Geteuid() {
		return fmt.Errorf("user %d may not change the users", peer.Uid)
	}
	return nil
}
