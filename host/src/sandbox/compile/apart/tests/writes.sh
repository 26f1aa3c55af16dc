#!/bin/sh
# Code without end.
exec /bin/cat /dev/zero
