package io.hearth.java;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/** Copies a jar so that equal content gives equal bytes: entries in order, one date, no dates in Maven's own files. For builds. */
public final class Repack {

    private static final LocalDateTime DATE = LocalDateTime.of(2024, 1, 1, 0, 0);

    private Repack() {}

    public static void main(String[] arguments) throws IOException {
        if (arguments.length != 2) {
            System.err.println("usage: Repack FROM.jar TO.jar");
            System.exit(2);
        }
        try (ZipFile from = new ZipFile(arguments[0]);
                ZipOutputStream to = new ZipOutputStream(Files.newOutputStream(Path.of(arguments[1])))) {
            for (ZipEntry entry : inOrder(from)) {
                ZipEntry copy = new ZipEntry(entry.getName());
                copy.setTimeLocal(DATE);
                to.putNextEntry(copy);
                try (InputStream content = from.getInputStream(entry)) {
                    to.write(isMavensOwn(entry) ? withoutComments(content) : content.readAllBytes());
                }
                to.closeEntry();
            }
        }
    }

    /** The manifest stays first: readers of jars as streams look for it there. */
    private static List<ZipEntry> inOrder(ZipFile jar) {
        List<ZipEntry> entries = Collections.list(jar.entries()).stream().map(ZipEntry.class::cast).collect(Collectors.toList());
        entries.sort(Comparator.comparing((ZipEntry entry) -> !entry.getName().equals("META-INF/MANIFEST.MF"))
                .thenComparing(ZipEntry::getName));
        return entries;
    }

    private static boolean isMavensOwn(ZipEntry entry) {
        return entry.getName().startsWith("META-INF/maven/") && entry.getName().endsWith("/pom.properties");
    }

    private static byte[] withoutComments(InputStream content) throws IOException {
        String text = new String(content.readAllBytes(), StandardCharsets.ISO_8859_1);
        return text.replaceAll("(?m)^#.*\\R", "").getBytes(StandardCharsets.ISO_8859_1);
    }
}
