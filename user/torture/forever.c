/* Never ends, and never calls. */
int main(void)
{
    for (;;) {
        __asm__ volatile("");
    }
}
