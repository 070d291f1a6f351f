package io.hearth.java;

import io.fission.Function;
import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Modifier;
import java.net.MalformedURLException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Makes a function of a package: a jar, a folder with jars, or a folder of classes with lib/*.jar. */
final class CodeLoader {

    private CodeLoader() {}

    static LoadedFunction load(String filepath, String entry) throws Throwable {
        Path code = Path.of(filepath);
        if (!Files.exists(code)) {
            throw new LoadFault("there is no file or folder " + filepath);
        }
        List<Path> places = Files.isDirectory(code) ? placesOf(code) : List.of(code);
        FunctionClassLoader loader = new FunctionClassLoader(urls(places));
        ClassLoader before = Thread.currentThread().getContextClassLoader();
        Thread.currentThread().setContextClassLoader(loader);
        try {
            String name = entry.isEmpty() ? soleFunction(code, places, loader) : entry;
            return LoadedFunction.of(instantiate(find(name, code, places, loader)), loader);
        } finally {
            Thread.currentThread().setContextClassLoader(before);
        }
    }

    private static List<Path> placesOf(Path folder) throws IOException {
        List<Path> places = new ArrayList<>();
        places.add(folder);
        places.addAll(jars(folder));
        places.addAll(jars(folder.resolve("lib")));
        return places;
    }

    private static List<Path> jars(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.filter(path -> path.toString().endsWith(".jar")).sorted().toList();
        }
    }

    private static URL[] urls(List<Path> places) throws MalformedURLException {
        URL[] urls = new URL[places.size()];
        for (int i = 0; i < urls.length; i++) {
            urls[i] = places.get(i).toUri().toURL();
        }
        return urls;
    }

    private static Class<?> find(String name, Path code, List<Path> places, ClassLoader loader) throws Exception {
        Class<?> found;
        try {
            found = Class.forName(name, true, loader);
        } catch (ClassNotFoundException missing) {
            if (!missing.getMessage().equals(name)) {
                throw missing;
            }
            throw new LoadFault("the package has no class " + name + "; " + offer(code, places));
        }
        if (!Function.class.isAssignableFrom(found)) {
            throw new LoadFault("the class " + name + " does not implement io.fission.Function; " + offer(code, places));
        }
        return found;
    }

    private static Function<?, ?> instantiate(Class<?> found) throws Throwable {
        if (Modifier.isAbstract(found.getModifiers())) {
            throw new LoadFault("the class " + found.getName() + " is abstract; name one that can be made");
        }
        try {
            Constructor<?> constructor = found.getDeclaredConstructor();
            constructor.setAccessible(true);
            return (Function<?, ?>) constructor.newInstance();
        } catch (NoSuchMethodException missing) {
            throw new LoadFault("the class " + found.getName() + " needs a constructor without parameters");
        } catch (InvocationTargetException fault) {
            throw fault.getCause();
        }
    }

    private static String soleFunction(Path code, List<Path> places, ClassLoader loader) throws Exception {
        List<String> names = FunctionScan.run(places);
        names.removeIf(name -> !isFunction(name, loader));
        if (names.size() == 1) {
            return names.get(0);
        }
        throw new LoadFault("no entry point was named; " + offer(code, places));
    }

    private static boolean isFunction(String name, ClassLoader loader) {
        try {
            Class<?> found = Class.forName(name, false, loader);
            return Function.class.isAssignableFrom(found) && !Modifier.isAbstract(found.getModifiers());
        } catch (ClassNotFoundException | LinkageError notOne) {
            return false;
        }
    }

    private static String offer(Path code, List<Path> places) throws IOException {
        List<String> names = FunctionScan.run(places);
        if (!names.isEmpty()) {
            return "classes that use io.fission.Function: " + String.join(", ", names);
        }
        if (Files.isDirectory(code) && FunctionScan.hasSources(code)) {
            return "it holds Java sources and no classes: let a build make them (spec.source and the environment's builder)";
        }
        return "no class in it implements io.fission.Function";
    }
}
