#!/bin/sh
# with: dash; bash; busybox sh
echo hello | tr a-z A-Z
false; echo $?
