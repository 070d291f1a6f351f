using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using Mono.CSharp;

namespace Hearth.Loader
{
    /// <summary>Mono: its own compiler inside this process, assemblies into the one application domain.</summary>
    public sealed class MonoPlatform : Platform
    {
        private static readonly string[] References =
        {
            "System.dll", "System.Core.dll", "System.Xml.dll", "System.Xml.Linq.dll", "System.Net.Http.dll", "System.Numerics.dll",
            "System.Runtime.Serialization.dll", "System.IO.Compression.dll", "Microsoft.CSharp.dll",
        };

        private string _folder;

        public MonoPlatform()
        {
            AppDomain.CurrentDomain.AssemblyResolve += (sender, wanted) => FromPackage(new AssemblyName(wanted.Name).Name);
        }

        public override Assembly Compile(IList<string> sources, string folder)
        {
            _folder = folder;
            var target = Path.Combine(Path.GetTempPath(), "function-" + Guid.NewGuid().ToString("N") + ".dll");
            var arguments = new List<string> { "-target:library", "-debug", "-optimize+", "-langversion:latest", "-out:" + target };
            arguments.AddRange(References.Select(name => "-r:" + name));
            arguments.AddRange(Given().Select(file => "-r:" + file));
            if (folder != null)
                arguments.AddRange(Directory.GetFiles(folder, "*.dll").Where(file => !CodeLoader.IsGiven(Path.GetFileName(file))).Select(file => "-r:" + file));
            arguments.AddRange(sources);
            var told = new StringWriter();
            CompilerCallableEntryPoint.Reset();
            if (!CompilerCallableEntryPoint.InvokeCompiler(arguments.ToArray(), told))
                throw new LoadFault(folder == null ? told.ToString() : told.ToString().Replace(folder.TrimEnd('/') + "/", ""));
            try
            {
                // From memory, so that nothing is left behind in the temporary folder.
                var symbols = new[] { target + ".mdb", Path.ChangeExtension(target, ".pdb") }.FirstOrDefault(File.Exists);
                return symbols == null ? Assembly.Load(File.ReadAllBytes(target)) : Assembly.Load(File.ReadAllBytes(target), File.ReadAllBytes(symbols));
            }
            finally
            {
                File.Delete(target);
                File.Delete(target + ".mdb");
                File.Delete(Path.ChangeExtension(target, ".pdb"));
            }
        }

        public override Assembly Load(string file, string folder)
        {
            _folder = folder;
            return Assembly.LoadFrom(file);
        }

        private static IEnumerable<string> Given()
        {
            return new[]
            {
                typeof(Request).Assembly.Location, typeof(Fission.Functions.FissionContext).Assembly.Location,
                typeof(Fission.DotNet.Common.FissionContext).Assembly.Location, typeof(Newtonsoft.Json.JsonConvert).Assembly.Location,
            };
        }

        private Assembly FromPackage(string name)
        {
            var given = AppDomain.CurrentDomain.GetAssemblies().FirstOrDefault(one => one.GetName().Name == name);
            if (given != null || _folder == null) return given;
            var file = new[] { Path.Combine(_folder, name + ".dll"), Path.Combine(_folder, "lib", name + ".dll") }.FirstOrDefault(File.Exists);
            return file == null ? null : Assembly.LoadFrom(file);
        }
    }
}
