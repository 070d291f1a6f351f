package io.hearth.java;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.stream.Stream;

/** Looks for classes that mention io.fission.Function, without loading any of them. */
final class FunctionScan {

    private static final byte[] INTERFACE = "io/fission/Function".getBytes(StandardCharsets.US_ASCII);
    private static final String SUFFIX = ".class";

    private FunctionScan() {}

    static List<String> run(List<Path> places) throws IOException {
        List<String> names = new ArrayList<>();
        for (Path place : places) {
            if (Files.isDirectory(place)) {
                scanFolder(place, names);
            } else {
                scanJar(place, names);
            }
        }
        Collections.sort(names);
        return names;
    }

    static boolean hasSources(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.anyMatch(file -> file.toString().endsWith(".java"));
        }
    }

    private static void scanFolder(Path folder, List<String> names) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.filter(path -> path.toString().endsWith(SUFFIX)).toList()) {
                consider(folder.relativize(file).toString(), Files.readAllBytes(file), names);
            }
        }
    }

    private static void scanJar(Path file, List<String> names) throws IOException {
        try (JarFile jar = new JarFile(file.toFile())) {
            for (JarEntry entry : Collections.list(jar.entries())) {
                if (entry.getName().endsWith(SUFFIX)) {
                    try (InputStream content = jar.getInputStream(entry)) {
                        consider(entry.getName(), content.readAllBytes(), names);
                    }
                }
            }
        }
    }

    private static void consider(String path, byte[] content, List<String> names) {
        String name = path.substring(0, path.length() - SUFFIX.length()).replace('/', '.');
        if (mentions(content) && !name.equals("io.fission.Function") && !name.startsWith("META-INF.")) {
            names.add(name);
        }
    }

    private static boolean mentions(byte[] content) {
        for (int i = 0; i + INTERFACE.length <= content.length; i++) {
            int matched = 0;
            while (matched < INTERFACE.length && content[i + matched] == INTERFACE[matched]) {
                matched++;
            }
            if (matched == INTERFACE.length) {
                return true;
            }
        }
        return false;
    }
}
