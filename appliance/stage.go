package appliance

import (
	"context"
	"fmt"
	"sync"
)

// stage is a set of components that start together and are stopped together. Stages
// are stopped in a fixed order, so that each still finds what it needs: ingest first,
// then the uplink, the page, the store.
type stage struct {
	ctx    context.Context //nolint:containedctx // a stage is the life of its components, not of a call
	cancel context.CancelFunc
	failed func(error)
	wait   sync.WaitGroup
}

// newStage makes a stage that the end of ctx does not stop: the owner calls stop.
// failed is told the first error of any component.
func newStage(ctx context.Context, failed func(error)) *stage {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	return &stage{ctx: ctx, cancel: cancel, failed: failed}
}

// start runs a component in a goroutine that stop waits for.
func (s *stage) start(name string, run func(context.Context) error) {
	s.wait.Go(func() {
		if err := run(s.ctx); err != nil {
			s.failed(fmt.Errorf("%s: %w", name, err))
		}
	})
}

// stop ends the components and waits for them.
func (s *stage) stop() {
	s.cancel()
	s.wait.Wait()
}
