#include "api/cli.h"
#include "lua/host/zygote.h"

int main(int argc, char **argv)
{
    if (kal_zygote_is_one(argc, argv))
        return kal_zygote_main(argc, argv);
    return kal_cli_main(argc, argv, KAL_VERSION);
}

#ifdef __SANITIZE_ADDRESS__
/* h2o recycles buffers per thread, which nobody can free. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:h2o_mem_alloc_recycle";
}
#endif
