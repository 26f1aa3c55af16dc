#!/bin/sh
# Complains without end.
exec /bin/cat /dev/zero >&2
