#!/bin/sh
echo no json
exit 5
