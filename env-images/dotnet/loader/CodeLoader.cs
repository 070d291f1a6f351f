using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;

namespace Hearth.Loader
{
    /// <summary>Makes a function of a package: a .cs file, a folder of them, an assembly, or a folder of assemblies.</summary>
    public static class CodeLoader
    {
        public static LoadedFunction Load(Platform platform, string path, string entry)
        {
            var isFolder = Directory.Exists(path);
            if (!isFolder && !File.Exists(path)) throw new LoadFault("there is no file or folder " + path);
            var folder = isFolder ? path : Path.GetDirectoryName(Path.GetFullPath(path));
            if (isFolder) Directory.SetCurrentDirectory(folder);
            var name = EntryName.Parse(entry);
            return FunctionFinder.Find(platform, Assemblies(platform, path, folder, isFolder, name), name, folder);
        }

        private static IList<Assembly> Assemblies(Platform platform, string path, string folder, bool isFolder, EntryName name)
        {
            if (!isFolder) return new[] { IsAssembly(path) ? platform.Load(path, folder) : platform.Compile(new[] { path }, null) };
            if (name.Assembly != null)
            {
                var file = Path.Combine(folder, name.Assembly + ".dll");
                if (!File.Exists(file)) throw new LoadFault("the package has no " + name.Assembly + ".dll, which the entry point names");
                return new[] { platform.Load(file, folder) };
            }
            var sources = Sources(folder);
            if (sources.Count > 0) return new[] { platform.Compile(sources, folder) };
            var files = OwnAssemblies(folder);
            if (files.Count == 0) throw new LoadFault("the package has neither .cs files nor assemblies (.dll)");
            return files.Select(file => platform.Load(file, folder)).ToList();
        }

        /// <summary>The build's own assemblies have a .deps.json; without any, all count but those that the environment gives.</summary>
        private static IList<string> OwnAssemblies(string folder)
        {
            var all = Directory.GetFiles(folder, "*.dll").Where(file => !IsGiven(Path.GetFileName(file)))
                .OrderBy(file => file, StringComparer.Ordinal).ToList();
            var described = all.Where(file => File.Exists(Path.ChangeExtension(file, ".deps.json"))).ToList();
            return described.Count > 0 ? described : all;
        }

        /// <summary>Assemblies whose types this program shares with functions.</summary>
        public static bool IsGiven(string file)
        {
            return file == "Hearth.Functions.dll" || file == "Fission.Functions.dll" || file == "Fission.DotNet.Common.dll"
                || file == "Newtonsoft.Json.dll";
        }

        private static IList<string> Sources(string folder)
        {
            return Directory.GetFiles(folder, "*.cs", SearchOption.AllDirectories)
                .Where(file => !IsLeftover(file.Substring(folder.Length)))
                .OrderBy(file => file, StringComparer.Ordinal).ToList();
        }

        private static bool IsLeftover(string path)
        {
            return path.Split('/').Any(part => part == "obj" || part == "bin");
        }

        private static bool IsAssembly(string file)
        {
            using (var content = File.OpenRead(file)) return content.ReadByte() == 'M' && content.ReadByte() == 'Z';
        }
    }
}
