# What `make debug` starts GDB with, at the root of the repository. The commands are in
# gdb_commands.py; `kilburn` lists them.
set confirm off
set pagination off
set print pretty on
set architecture riscv:rv64
source tools/gdb_commands.py
