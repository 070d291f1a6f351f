package io.hearth.java;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.HashMap;
import java.util.Map;

/** What a specialize request asks for. */
record Order(String filepath, String functionName, Map<String, String> env) {

    private static final ObjectMapper MAPPER = new ObjectMapper();

    static Order firstVersion() {
        return new Order("/userfunc/user", "", Map.of());
    }

    static Order read(String body) {
        JsonNode order = parse(body);
        if (!order.isObject()) {
            throw new IllegalArgumentException("the body must be a JSON object with filepath and functionName");
        }
        JsonNode filepath = order.path("filepath");
        if (!filepath.isTextual() || filepath.textValue().isEmpty()) {
            throw new IllegalArgumentException("filepath must be the path of the code");
        }
        JsonNode name = order.path("functionName");
        if (!name.isTextual() && !name.isMissingNode() && !name.isNull()) {
            throw new IllegalArgumentException("functionName must be a text such as com.example.Hello");
        }
        return new Order(filepath.textValue(), name.asText("").trim(), env(order.path("env")));
    }

    private static JsonNode parse(String body) {
        try {
            JsonNode node = MAPPER.readTree(body);
            if (node.isMissingNode()) {
                throw new IllegalArgumentException("the body is not JSON: it is empty");
            }
            return node;
        } catch (JsonProcessingException fault) {
            throw new IllegalArgumentException("the body is not JSON: " + fault.getOriginalMessage());
        }
    }

    private static Map<String, String> env(JsonNode wanted) {
        Map<String, String> env = new HashMap<>();
        if (wanted.isMissingNode() || wanted.isNull()) {
            return env;
        }
        wanted.fields().forEachRemaining(entry -> {
            if (!entry.getValue().isTextual()) {
                throw new IllegalArgumentException("env must be an object of texts");
            }
            env.put(entry.getKey(), entry.getValue().textValue());
        });
        if (!wanted.isObject()) {
            throw new IllegalArgumentException("env must be an object of texts");
        }
        return env;
    }
}
