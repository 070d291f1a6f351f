package io.hearth.java;

import io.fission.Function;
import java.lang.reflect.Type;
import org.springframework.core.ResolvableType;
import org.springframework.http.HttpEntity;

/** A function that is ready to be called. {@code bodyType} is what its type parameter asks for, null when it leaves that open. */
record LoadedFunction(Function<?, ?> function, ClassLoader loader, Type bodyType) {

    static LoadedFunction of(Function<?, ?> function, ClassLoader loader) {
        ResolvableType wanted = ResolvableType.forClass(function.getClass()).as(Function.class).getGeneric(0);
        if (HttpEntity.class.isAssignableFrom(wanted.toClass())) {
            wanted = wanted.getGeneric(0);
        }
        boolean open = wanted.resolve() == null || wanted.toClass() == Object.class;
        return new LoadedFunction(function, loader, open ? null : wanted.getType());
    }
}
