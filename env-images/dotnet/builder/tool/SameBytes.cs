using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Security.Cryptography;

/// <summary>
/// mcs stamps the time and a random identity into what it makes. This replaces both by what follows from the content, so that the same
/// sources give the same bytes. Arguments: the assembly and, when there is one, its .mdb.
/// </summary>
public static class SameBytes
{
    private const int PointerToHeader = 0x3c;
    private const int TimeInHeader = 8;

    public static int Main(string[] arguments)
    {
        if (arguments.Length == 0)
        {
            Console.Error.WriteLine("usage: SameBytes ASSEMBLY [SYMBOLS]");
            return 2;
        }
        var content = File.ReadAllBytes(arguments[0]);
        var identity = Assembly.ReflectionOnlyLoad(content).ManifestModule.ModuleVersionId.ToByteArray();
        var time = BitConverter.ToInt32(content, PointerToHeader) + TimeInHeader;
        Array.Clear(content, time, 4);
        Replace(content, identity, new byte[16]);
        byte[] lasting;
        using (var digest = SHA256.Create()) lasting = digest.ComputeHash(content).Take(16).ToArray();
        // Once more from the file: the zeros cannot be told from others.
        content = File.ReadAllBytes(arguments[0]);
        Array.Clear(content, time, 4);
        Replace(content, identity, lasting);
        File.WriteAllBytes(arguments[0], content);
        foreach (var symbols in arguments.Skip(1).Where(File.Exists))
        {
            var text = File.ReadAllBytes(symbols);
            Replace(text, identity, lasting);
            File.WriteAllBytes(symbols, text);
        }
        return 0;
    }

    private static void Replace(byte[] content, IList<byte> from, byte[] to)
    {
        for (var i = 0; i + from.Count <= content.Length; i++)
        {
            var matched = 0;
            while (matched < from.Count && content[i + matched] == from[matched]) matched++;
            if (matched == from.Count) Array.Copy(to, 0, content, i, to.Length);
        }
    }
}
