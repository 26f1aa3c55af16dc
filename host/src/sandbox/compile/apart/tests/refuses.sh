#!/bin/sh
# Reads nothing, and complains at length.
/usr/bin/head -c 100000 /dev/zero | /usr/bin/tr "\\0" x >&2
exit 65
