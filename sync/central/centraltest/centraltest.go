// Package centraltest starts throw-away PostgreSQL 15 clusters for tests: one shared
// cluster per test process with a fresh database per test, or a cluster of its own
// for a test that stops and kills the server.
//
// It is meant for tests only and imports nothing of ours, so that every package's
// tests can use it. Where PostgreSQL is absent the test is skipped with the reason;
// with CI=true it fails instead.
package centraltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// superuser is the bootstrap role; it may log in without a password, every other role
// needs its own.
const superuser = "postgres"

// DB is an empty database of a running cluster.
type DB struct {
	cluster *cluster
	name    string
}

// shared is the cluster of this test process. It outlives single tests, because an
// initdb costs seconds; a watcher removes it when the process ends, however it ends.
var shared struct {
	sync.Mutex
	cluster *cluster
	err     error
}

// databases numbers the databases of this process.
var databases atomic.Int64

// MustStart makes a fresh database on the shared cluster of this test process.
func MustStart(tb testing.TB) *DB {
	tb.Helper()
	bin := mustFind(tb)
	shared.Lock()
	if shared.cluster == nil && shared.err == nil {
		shared.cluster, shared.err = start(tb.Context(), bin)
	}
	c, err := shared.cluster, shared.err
	shared.Unlock()
	if err != nil {
		tb.Fatalf("start PostgreSQL: %v", err)
	}
	return c.mustCreate(tb)
}

// MustStartAlone makes a fresh database on a cluster of its own, for tests that stop,
// kill or restart the server. The cluster is removed with the test.
func MustStartAlone(tb testing.TB) *DB {
	tb.Helper()
	bin := mustFind(tb)
	c, err := start(tb.Context(), bin)
	if err != nil {
		tb.Fatalf("start PostgreSQL: %v", err)
	}
	tb.Cleanup(c.remove)
	return c.mustCreate(tb)
}

// DSN is the connection string of the superuser over TCP.
func (d *DB) DSN() string { return d.DSNFor(superuser, "") }

// DSNFor is the connection string of another role over TCP.
func (d *DB) DSNFor(role, password string) string { return d.DSNAt(d.Addr(), role, password) }

// DSNAt is the connection string of a role over a proxy listening at addr.
func (d *DB) DSNAt(addr, role, password string) string {
	u := url.URL{Scheme: "postgres", User: url.User(role), Host: addr, Path: "/" + d.name, RawQuery: "sslmode=disable"}
	if password != "" {
		u.User = url.UserPassword(role, password)
	}
	return u.String()
}

// SocketDSN is the connection string of the superuser over the unix socket.
func (d *DB) SocketDSN() string {
	return fmt.Sprintf("host=%s port=%d user=%s dbname=%s", d.cluster.dir, d.cluster.port, superuser, d.name)
}

// Addr is the TCP address of the server.
func (d *DB) Addr() string { return fmt.Sprintf("127.0.0.1:%d", d.cluster.port) }

// Stop stops the server and waits: sessions are cut, data is checkpointed.
func (d *DB) Stop(tb testing.TB) {
	tb.Helper()
	d.signal(tb, syscall.SIGINT)
}

// Kill ends the postmaster and all its children with SIGKILL and waits, as a crash
// would.
func (d *DB) Kill(tb testing.TB) {
	tb.Helper()
	d.signal(tb, syscall.SIGKILL)
}

// Start starts a stopped or killed server on the same port and waits until it answers.
func (d *DB) Start(tb testing.TB) {
	tb.Helper()
	d.mustBeAlone(tb)
	if err := d.cluster.run(tb.Context()); err != nil {
		tb.Fatalf("start PostgreSQL again: %v", err)
	}
}

func (d *DB) signal(tb testing.TB, s syscall.Signal) {
	tb.Helper()
	d.mustBeAlone(tb)
	if err := d.cluster.stop(s); err != nil {
		tb.Fatalf("stop PostgreSQL: %v", err)
	}
}

func (d *DB) mustBeAlone(tb testing.TB) {
	tb.Helper()
	if d.cluster == shared.cluster {
		tb.Fatal("BUG: only a database of MustStartAlone may stop its server")
	}
}

func mustFind(tb testing.TB) string {
	tb.Helper()
	const dir = "/usr/lib/postgresql/15/bin"
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		const text = "PostgreSQL 15 is not installed (no initdb in " + dir + "); apt-get install postgresql-15"
		if os.Getenv("CI") == "true" {
			tb.Fatal(text)
		}
		tb.Skip(text)
	}
	return dir
}

type cluster struct {
	bin, dir string
	port     int
	cred     *syscall.Credential // nil where this process is unprivileged itself
	watcher  io.Closer           // closing it, or ending this process, removes the cluster

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{} // closed when cmd has ended
}

func start(ctx context.Context, bin string) (*cluster, error) {
	cred, err := credential()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(temporary(), "wellkeeper-pg-")
	if err != nil {
		return nil, err
	}
	c := &cluster{bin: bin, dir: dir, cred: cred}
	if cred != nil {
		if err := os.Chown(dir, int(cred.Uid), int(cred.Gid)); err != nil {
			return nil, err
		}
	}
	if err := c.watch(ctx); err != nil {
		return nil, err
	}
	if err := c.init(ctx); err != nil {
		c.remove()
		return nil, err
	}
	for range 5 { // another process may take the port between choosing and binding it
		if c.port, err = freePort(ctx); err != nil {
			return nil, err
		}
		if err = c.run(ctx); err == nil {
			return c, nil
		}
	}
	c.remove()
	return nil, err
}

// credential is the unprivileged user that PostgreSQL runs as: it refuses to be root.
func credential() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil //nolint:nilnil // no other user is needed, which is no error
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("running as root, and there is no user to run PostgreSQL as: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// temporary is a folder that the unprivileged user can reach and whose path is short
// enough for a unix socket (107 bytes).
func temporary() string {
	if os.Getuid() == 0 {
		return "/tmp"
	}
	return os.TempDir()
}

// watch leaves a process behind that waits for its standard input to close, which
// happens when this process ends in whatever way, and then removes the cluster.
func (c *cluster) watch(ctx context.Context) error {
	const script = `cat >/dev/null
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
[ -n "$pid" ] && kill -QUIT "$pid" 2>/dev/null
for i in 1 2 3 4 5 6 7 8 9 10; do
	[ -f "$1/data/postmaster.pid" ] || break
	sleep 0.1
done
rm -rf "$1"`
	// The watcher must outlive the context of the test that happened to start it.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "/bin/sh", "-c", script, "sh", c.dir) //nolint:gosec // the folder is of our own making
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start watcher: %w", err)
	}
	go cmd.Wait() //nolint:errcheck // it ends with this process; here only its status is collected
	c.watcher = in
	return nil
}

func (c *cluster) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, name), args...) //nolint:gosec // names and arguments are of our own making
	cmd.Dir = c.dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.cred, Setpgid: true}
	return cmd
}

func (c *cluster) init(ctx context.Context) error {
	cmd := c.command(ctx, "initdb", "--no-sync", "--encoding=UTF8", "--locale=C", "--auth=trust",
		"--username="+superuser, "--pgdata="+filepath.Join(c.dir, "data"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	hba := "local all all trust\n" +
		"host all " + superuser + " 127.0.0.1/32 trust\n" +
		"host all all 127.0.0.1/32 scram-sha-256\n"
	return os.WriteFile(filepath.Join(c.dir, "data", "pg_hba.conf"), []byte(hba), 0o644) //nolint:gosec // PostgreSQL reads it as another user
}

// run starts the postmaster and waits until it accepts connections. Without fsync a
// killed server still keeps what it committed: the kernel has it.
func (c *cluster) run(ctx context.Context) error {
	logFile, err := os.OpenFile(filepath.Join(c.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer logFile.Close()
	// The server belongs to the cluster, not to the test that starts it.
	cmd := c.command(context.WithoutCancel(ctx), "postgres", "-D", filepath.Join(c.dir, "data"),
		"-c", "listen_addresses=127.0.0.1", "-c", "port="+strconv.Itoa(c.port), "-c", "unix_socket_directories="+c.dir,
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "shared_buffers=32MB", "-c", "max_connections=60",
		"-c", "autovacuum_naptime=10min", "-c", "log_min_messages=warning", "-c", "timezone=UTC")
	cmd.Stdout, cmd.Stderr = logFile, logFile
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		cmd.Wait() //nolint:errcheck // how it ended is in its log
		close(done)
	}()
	c.mu.Lock()
	c.cmd, c.done = cmd, done
	c.mu.Unlock()
	return c.waitReady(ctx, done)
}

// waitReady waits for the line that the postmaster writes into its pid file when it
// accepts connections.
func (c *cluster) waitReady(ctx context.Context, done <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		b, err := os.ReadFile(filepath.Join(c.dir, "data", "postmaster.pid"))
		lines := bytes.Split(b, []byte("\n"))
		if err == nil && len(lines) >= 8 && strings.TrimSpace(string(lines[7])) == "ready" {
			return nil
		}
		select {
		case <-tick.C:
		case <-done:
			out, _ := os.ReadFile(filepath.Join(c.dir, "log"))
			return fmt.Errorf("the server ended at once:\n%s", out)
		case <-ctx.Done():
			return fmt.Errorf("the server is not ready: %w", context.Cause(ctx))
		}
	}
}

// halt stops a process with SIGSTOP and waits until it stands.
func halt(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 5000 {
		stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		// The state follows the name of the program, which stands in parentheses.
		if i := bytes.LastIndexByte(stat, ')'); i >= 0 && len(stat) > i+2 && (stat[i+2] == 'T' || stat[i+2] == 'Z') {
			return nil
		}
		<-tick.C
	}
	return errors.New("the server does not stand still")
}

// stop ends the server with s and waits for all of it.
func (c *cluster) stop(s syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd == nil {
		return nil
	}
	target := c.cmd.Process.Pid
	var children []string
	if s == syscall.SIGKILL {
		// A postmaster that sees a child die forks others at once, and each holds the
		// listening socket: it must stand still while its children are killed.
		if err := halt(target); err != nil {
			return err
		}
		children = killChildren(target)
	}
	if err := syscall.Kill(target, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	select {
	case <-c.done:
	case <-time.After(30 * time.Second):
		return errors.New("the server did not end within 30 s")
	}
	c.cmd = nil
	if s == syscall.SIGKILL {
		if err := waitGone(children); err != nil {
			return err
		}
		// A killed postmaster leaves its pid file, whose last line says ready.
		return os.Remove(filepath.Join(c.dir, "data", "postmaster.pid"))
	}
	return nil
}

// killChildren ends the backends, which PostgreSQL puts into sessions of their own and
// which would finish their statement when only the postmaster is killed.
func killChildren(postmaster int) (pids []string) {
	_ = syscall.Kill(postmaster, syscall.SIGSTOP) // so that it does not start another
	out, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", postmaster, postmaster))
	if err != nil {
		return nil
	}
	pids = strings.Fields(string(out))
	for _, f := range pids {
		if pid, err := strconv.Atoi(f); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return pids
}

// waitGone waits until killed processes have let go of their shared memory.
func waitGone(pids []string) error {
	deadline := time.After(30 * time.Second)
	for _, pid := range pids {
		for {
			stat, err := os.ReadFile("/proc/" + pid + "/stat")
			if _, after, _ := strings.Cut(string(stat), ") "); err != nil || strings.HasPrefix(after, "Z") {
				break
			}
			select {
			case <-time.After(5 * time.Millisecond):
			case <-deadline:
				return errors.New("killed backends do not end within 30 s")
			}
		}
	}
	return nil
}

func (c *cluster) remove() {
	_ = c.stop(syscall.SIGQUIT)
	_ = c.watcher.Close()
	_ = os.RemoveAll(c.dir)
}

// mustCreate makes the database through psql, so that this package needs no driver.
func (c *cluster) mustCreate(tb testing.TB) *DB {
	tb.Helper()
	d := &DB{cluster: c, name: fmt.Sprintf("test_%d", databases.Add(1))}
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	cmd := c.command(ctx, "psql", "--no-psqlrc", "--quiet", "--host="+c.dir, "--port="+strconv.Itoa(c.port),
		"--username="+superuser, "--dbname=postgres", "--command=CREATE DATABASE "+d.name+" STRATEGY wal_log")
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("create database: %v\n%s", err, out)
	}
	return d
}

func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil //nolint:forcetypeassert // a tcp listener has a TCPAddr
}
