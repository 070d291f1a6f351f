package io.fission;

import java.util.Map;

/**
 * What a function can ask about the call besides the request itself. Fission's interface of this name has no methods; these are
 * Hearth's, and each answers an empty text where the caller sent nothing.
 */
public interface Context {

    /** The id under which the call appears in the logs of gateway and function. */
    String requestId();

    String functionName();

    String functionNamespace();

    /** The path parameters of the route, by name. */
    Map<String, String> pathParameters();
}
