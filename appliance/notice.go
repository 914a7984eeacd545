package appliance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
)

// refusal is a configuration that was not taken.
type refusal struct {
	at    time.Time
	first string // mistake, with file, line and column
	more  int    // mistakes beside it
	// kept is when the configuration that runs in its place was taken in, where that is
	// the last good one of an earlier start; zero: the one that ran before goes on.
	kept time.Time
}

func newRefusal(err error, kept time.Time) *refusal {
	mistakes := strings.Split(strings.TrimSpace(err.Error()), "\n")
	return &refusal{at: time.Now(), first: mistakes[0], more: len(mistakes) - 1, kept: kept}
}

// text is the sentence for people.
func (r *refusal) text(location *time.Location) string {
	runs := "the one before it goes on"
	if !r.kept.IsZero() {
		runs = "the last good one, of " + r.kept.In(location).Format("2 Jan 2006 15:04") + ", runs"
	}
	text := fmt.Sprintf("The configuration was refused at %s, and %s: %s", r.at.In(location).Format("2 Jan 15:04"), runs, r.first)
	switch r.more {
	case 0:
		return text
	case 1:
		return text + " (and one more mistake)"
	}
	return fmt.Sprintf("%s (and %d more mistakes)", text, r.more)
}

// Refuse tells people that a configuration was not taken and that the present one goes
// on: on the page, in health, in the log and as an event, until a good one is taken.
func (a *App) Refuse(ctx context.Context, err error) { a.refuse(ctx, newRefusal(err, time.Time{})) }

func (a *App) refuse(ctx context.Context, r *refusal) {
	a.refused.Store(r)
	a.log.Error().Str("component", "config").Str("mistake", r.first).Int("more", r.more).Msg("the configuration was refused")
	a.event(ctx, "configuration_refused", r.text(time.UTC))
	a.touch()
}

// accepted tells what a reload did.
func (a *App) accepted(ctx context.Context, r *Report) {
	a.refused.Store(nil)
	a.waiting.Store(&r.AtRestart)
	a.log.Info().Str("component", "config").Dur("took", r.Took).
		Strs("added", words(r.Added)).Strs("removed", words(r.Removed)).Strs("repolled", words(r.Repolled)).Strs("revised", words(r.Revised)).
		Strs("settings", r.Settings).Strs("at_restart", r.AtRestart).Msg("the configuration was read again")
	if !r.Empty() {
		a.event(ctx, "configuration_changed", "The configuration was read again: "+r.String()+".")
	}
	a.touch()
}

// keepGood keeps a configuration that was taken in, for a start at which its file is
// broken.
func (a *App) keepGood(cfg *config.Config) {
	name := filepath.Join(a.config.Load().Data, config.KeptName)
	present, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.log.Warn().Err(err).Str("component", "config").Msg("the last good configuration cannot be read")
	}
	text, err := cfg.Keep(present, time.Now())
	if err == nil && text != nil {
		err = replaceFile(name, text, 0o600)
	}
	if err != nil {
		a.log.Warn().Err(err).Str("component", "config").Msg("the configuration could not be kept for a start with a broken file")
	}
}

// notices are the sentences for the top of the page.
func (a *App) notices() []string {
	var list []string
	if r := a.refused.Load(); r != nil {
		list = append(list, r.text(a.config.Load().Site.Location))
	}
	if keys := a.waiting.Load(); keys != nil && len(*keys) > 0 {
		list = append(list, "Changed in the configuration, in effect after the next restart: "+strings.Join(*keys, ", ")+".")
	}
	return list
}

// touch has open pages look at what there is to show.
func (a *App) touch() {
	for _, w := range a.wells() {
		w.pipeline.board.Touch()
	}
}

// event notes something that happened to the appliance in the log of records.
func (a *App) event(ctx context.Context, id, text string) {
	r, err := record.Event(esp.Event{Time: time.Now().UTC(), ID: id, Text: text})
	if err == nil {
		_, err = a.store.AppendRecord(ctx, r)
	}
	if err != nil {
		a.log.Error().Err(err).Str("event", id).Msg("an event could not be recorded")
		return
	}
	a.wakeUplink()
}
