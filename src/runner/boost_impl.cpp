// Boost.JSON's body, for the static program only: the library links the one that everything else
// uses.
#include <boost/json/src.hpp>
