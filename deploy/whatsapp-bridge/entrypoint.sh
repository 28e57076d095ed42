#!/bin/sh
# Starts zapw with the extension preloaded. The names of the environment are mapped in extension/environment.js.
set -eu
umask 077
cd "${ZAPW_DIR:-/app}"
exec node -r /opt/zapkeep/extension/index.js dist/index.js
