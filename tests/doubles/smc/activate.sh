#!/bin/sh
# A server becomes Active, by itself or by somebody's hand: activate.sh DIR. Nobody tells the others.
dir=$1
echo active >"$dir/state/mode"
rm -f "$dir/state/subscribed"
