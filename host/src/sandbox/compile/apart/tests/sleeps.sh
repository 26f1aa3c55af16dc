#!/bin/sh
# Says nothing, and does not end by itself.
exec /bin/sleep 600
