package appliance

import (
	"context"

	"wellkeeper.internal/storage"
	"wellkeeper.internal/web/auth"
)

// usersTable is the name of the table in which package auth keeps what it knows.
const usersTable = "auth"

// userTable is a table of the store as package auth takes it.
type userTable struct{ table *storage.Table }

var _ auth.Table = userTable{}

// Update runs fn in one transaction.
func (t userTable) Update(fn func(auth.Tx) error) error {
	return t.table.Update(func(tx *storage.Tx) error { return fn(tx) })
}

// Each calls fn for every key in order.
func (t userTable) Each(fn func(key, value []byte) error) error { return t.table.ForEach(fn) }

// newUsers reads the users. What cannot be read of them is told and left out: a box
// without a login still polls.
func (a *App) newUsers() (*auth.Authority, error) {
	users, err := auth.New(auth.Config{
		Table: userTable{a.store.Table(usersTable)},
		Told: func(ctx context.Context, id, by, text string) {
			a.log.Info().Str("component", "auth").Str("by", by).Str("change", id).Msg("the users were changed")
			a.event(ctx, id, text)
		},
	})
	if err != nil {
		return nil, err
	}
	for _, left := range users.Unread() {
		a.log.Error().Err(left).Str("component", "auth").Msg("a user or login could not be read and is left out")
	}
	return users, nil
}
