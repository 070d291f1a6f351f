using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.Loader;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Text;
using Microsoft.Extensions.DependencyInjection;

namespace Hearth.Loader
{
    /// <summary>.NET 8: Roslyn, a load context for the package, and Fission's ConfigureServices.</summary>
    public sealed class Net8Platform : Platform
    {
        private const string Usings = "global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq;"
            + " global using System.Net.Http; global using System.Threading; global using System.Threading.Tasks;";

        private static readonly CSharpParseOptions Latest = new CSharpParseOptions(LanguageVersion.Latest);

        public override Assembly Compile(IList<string> sources, string folder)
        {
            var trees = sources.Select(file => Parse(File.ReadAllText(file), folder == null ? file : Path.GetRelativePath(folder, file))).ToList();
            trees.Add(Parse(Usings, "usings.cs"));
            var compilation = CSharpCompilation.Create("function", trees, References(folder),
                new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, optimizationLevel: OptimizationLevel.Release, deterministic: true));
            using var code = new MemoryStream();
            using var symbols = new MemoryStream();
            var result = compilation.Emit(code, symbols);
            if (!result.Success)
            {
                var errors = result.Diagnostics.Where(one => one.Severity == DiagnosticSeverity.Error).Select(one => one.ToString());
                throw new LoadFault(string.Join("\n", errors));
            }
            code.Position = 0;
            symbols.Position = 0;
            return new PackageContext(folder).LoadFromStream(code, symbols);
        }

        public override Assembly Load(string file, string folder)
        {
            return new PackageContext(folder, file).LoadFromAssemblyPath(Path.GetFullPath(file));
        }

        /// <summary>Fission's .NET 8: a static ConfigureServices(IServiceCollection) makes the class' constructor take services.</summary>
        public override Func<object> Maker(Type type)
        {
            var configure = type.GetMethod("ConfigureServices", BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic, null,
                new[] { typeof(IServiceCollection) }, null);
            if (configure == null) return base.Maker(type);
            var services = new ServiceCollection();
            configure.Invoke(null, new object[] { services });
            services.AddTransient(type);
            var provider = services.BuildServiceProvider();
            return () => provider.GetRequiredService(type);
        }

        private static SyntaxTree Parse(string text, string path)
        {
            return CSharpSyntaxTree.ParseText(SourceText.From(text, Encoding.UTF8), Latest, path);
        }

        private static IEnumerable<MetadataReference> References(string folder)
        {
            var platform = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")).Split(Path.PathSeparator);
            var own = folder == null ? new string[0]
                : Directory.GetFiles(folder, "*.dll").Where(file => !CodeLoader.IsGiven(Path.GetFileName(file)));
            return platform.Concat(own).Select(file => MetadataReference.CreateFromFile(file));
        }

        /// <summary>What this program has is shared, so that contexts are the same types; the rest comes from the package.</summary>
        private sealed class PackageContext : AssemblyLoadContext
        {
            private readonly string _folder;
            private readonly AssemblyDependencyResolver _resolver;

            public PackageContext(string folder, string main = null) : base("function")
            {
                _folder = folder;
                if (main != null) _resolver = new AssemblyDependencyResolver(Path.GetFullPath(main));
            }

            protected override Assembly Load(AssemblyName name)
            {
                if (CodeLoader.IsGiven(name.Name + ".dll")) return null;
                var file = _resolver?.ResolveAssemblyToPath(name);
                if (file == null && _folder != null) file = Path.Combine(_folder, name.Name + ".dll");
                return file != null && File.Exists(file) ? LoadFromAssemblyPath(Path.GetFullPath(file)) : null;
            }

            protected override IntPtr LoadUnmanagedDll(string name)
            {
                var file = _resolver?.ResolveUnmanagedDllToPath(name);
                return file == null ? IntPtr.Zero : LoadUnmanagedDllFromPath(file);
            }
        }
    }
}
