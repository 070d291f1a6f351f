package io.hearth.java;

import java.net.URL;
import java.net.URLClassLoader;
import java.util.List;

/**
 * The classes of one package. What the environment gives to functions comes from the environment, as in Fission; everything else
 * comes from the package first, so that a package may bring another release of a library that this program uses for itself.
 */
final class FunctionClassLoader extends URLClassLoader {

    static {
        registerAsParallelCapable();
    }

    private static final List<String> GIVEN = List.of("java.", "javax.", "jdk.", "sun.", "io.fission.",
            "org.springframework.", "com.fasterxml.jackson.", "org.slf4j.", "org.apache.commons.logging.");

    FunctionClassLoader(URL[] places) {
        super("function", places, FunctionClassLoader.class.getClassLoader());
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        if (GIVEN.stream().anyMatch(name::startsWith)) {
            return super.loadClass(name, resolve);
        }
        synchronized (getClassLoadingLock(name)) {
            Class<?> found = findLoadedClass(name);
            if (found == null) {
                try {
                    found = findClass(name);
                } catch (ClassNotFoundException notInPackage) {
                    return super.loadClass(name, resolve);
                }
            }
            if (resolve) {
                resolveClass(found);
            }
            return found;
        }
    }

    @Override
    public URL getResource(String name) {
        URL own = findResource(name);
        return own != null ? own : super.getResource(name);
    }
}
