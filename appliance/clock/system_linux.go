package clock

import (
	"errors"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	bootFile = "/proc/sys/kernel/random/boot_id"
	// timesyncFile is made by systemd-timesyncd once it has set the clock.
	timesyncFile = "/run/systemd/timesync/synchronized"
)

// System is the clock of this machine. Whether it is kept is asked of the kernel, and
// where a sandbox forbids that, of systemd-timesyncd.
func System() Sources {
	boot, err := os.ReadFile(bootFile)
	name := strings.TrimSpace(string(boot))
	if err != nil {
		name = "" // nothing is then carried over a restart of the program
	}
	return Sources{Wall: time.Now, Uptime: uptime, Synchronised: synchronised, Boot: name}
}

func uptime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

func synchronised() bool {
	var t unix.Timex // Modes 0: it only asks
	_, err := unix.Adjtimex(&t)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
		_, err := os.Stat(timesyncFile)
		return err == nil
	}
	return err == nil && t.Status&unix.STA_UNSYNC == 0
}
