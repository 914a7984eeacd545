package modbus

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"
)

// Dialer opens a link. It must return when ctx ends.
type Dialer func(ctx context.Context, url string) (io.ReadWriteCloser, error)

// dial opens a real link: a socket or a serial port.
func dial(ctx context.Context, ep endpoint) (io.ReadWriteCloser, error) {
	if ep.scheme == "rtu" {
		return openSerial(ep)
	}
	d := net.Dialer{
		// A peer that vanished without a word is found within five seconds even where
		// nothing is being asked.
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 2 * time.Second, Interval: time.Second, Count: 3},
	}
	conn, err := d.DialContext(ctx, "tcp", ep.address)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return conn, nil
}
