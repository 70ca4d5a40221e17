#include "api/cli.h"

int main(int argc, char **argv)
{
    return kal_cli_main(argc, argv, KAL_VERSION);
}
