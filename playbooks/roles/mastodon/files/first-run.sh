#!/bin/sh
# Fills Mastodon's empty database and makes the owner's account. Its password is left in admin.env, for root alone.
set -eu
umask 077
task() {
    docker run --rm --network mastodon-net-internal --env-file "$MASTODON_ROOT/mastodon.env" --env RAILS_ENV=production "$@"
}
task --env DISABLE_DATABASE_ENVIRONMENT_CHECK=1 --env SAFETY_ASSURED=1 "$MASTODON_IMAGE" bundle exec rake db:setup
task "$MASTODON_IMAGE" tootctl accounts create "$MASTODON_ADMIN" --email "$MASTODON_ADMIN_EMAIL" --confirmed --role Owner |
    sed -n 's/^New password: /ADMIN_PASSWORD=/p' >"$MASTODON_ROOT/admin.env"
task "$MASTODON_IMAGE" tootctl feeds build
touch "$MASTODON_ROOT/.first-run-done"
