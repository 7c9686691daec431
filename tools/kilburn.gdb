# What `make debug` starts GDB with. The commands are in gdb_commands.py; `help kilburn`
# lists them.
set confirm off
set pagination off
set print pretty on
set architecture riscv:rv64
python
import os, sys
for name in (gdb.objfiles()[0].filename,):
    folder = os.path.dirname(name)
    while folder != "/" and not os.path.exists(folder + "/tools/gdb_commands.py"):
        folder = os.path.dirname(folder)
    gdb.execute("source " + folder + "/tools/gdb_commands.py")
end
