package io.hearth.java;

import java.util.List;
import org.springframework.http.converter.GenericHttpMessageConverter;
import org.springframework.http.converter.HttpMessageConverter;
import org.springframework.http.converter.json.MappingJackson2HttpMessageConverter;
import org.springframework.http.converter.support.AllEncompassingFormHttpMessageConverter;
import org.springframework.http.converter.xml.MappingJackson2XmlHttpMessageConverter;

/** Spring's converters between bodies and objects, with Spring's own settings; made when first needed. */
final class Converters {

    private Converters() {}

    static GenericHttpMessageConverter<Object> json() {
        return Json.ONE;
    }

    static GenericHttpMessageConverter<Object> xml() {
        return Xml.ONE;
    }

    static AllEncompassingFormHttpMessageConverter forms() {
        return Forms.ONE;
    }

    /** Those that write objects, the one for no particular type first. */
    static List<HttpMessageConverter<Object>> ofObjects() {
        return List.of(json(), xml());
    }

    private static final class Json {
        static final MappingJackson2HttpMessageConverter ONE = new MappingJackson2HttpMessageConverter();
    }

    private static final class Xml {
        static final MappingJackson2XmlHttpMessageConverter ONE = new MappingJackson2XmlHttpMessageConverter();
    }

    private static final class Forms {
        static final AllEncompassingFormHttpMessageConverter ONE = new AllEncompassingFormHttpMessageConverter();
    }
}
