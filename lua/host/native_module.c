/* kal.native as a loadable module, so that tests of the Lua side use the real thing. */
#include "lua/host/native.h"

__attribute__((visibility("default"))) int luaopen_kal_native(lua_State *L);

int luaopen_kal_native(lua_State *L)
{
    return kal_native_open(L);
}
