/* h2o on libuv: the one place that chooses the library's variant. */
#ifndef KAL_API_HTTP_H
#define KAL_API_HTTP_H

#ifndef H2O_USE_LIBUV
#define H2O_USE_LIBUV 1
#endif
#include <h2o.h>
#include <h2o/http1.h>

#endif
