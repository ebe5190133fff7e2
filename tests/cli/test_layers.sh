#!/usr/bin/env bash
# Includes point downwards only.
exec "$SOURCE_DIR/scripts/check-layers"
