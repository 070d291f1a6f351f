using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;

namespace Hearth.Loader
{
    /// <summary>Finds the method that an entry point means.</summary>
    public static class FunctionFinder
    {
        private const BindingFlags Any = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static;
        private static readonly string[] Names = { "Execute", "ExecuteAsync", "Handle", "HandleAsync" };

        public static LoadedFunction Find(Platform platform, IList<Assembly> assemblies, EntryName entry, string folder)
        {
            var types = assemblies.SelectMany(Types).ToList();
            var type = string.IsNullOrEmpty(entry.Type) ? Sole(types, entry) : Named(types, entry);
            var method = MethodOf(type, entry.Method);
            if (method == null) throw new LoadFault("the class " + type.FullName + " has no method " + Wanted(entry) + " that can be called; " + Offer(types));
            return new LoadedFunction(method, method.IsStatic ? null : platform.Maker(type), folder);
        }

        private static IEnumerable<Type> Types(Assembly assembly)
        {
            try
            {
                return assembly.GetTypes();
            }
            catch (ReflectionTypeLoadException fault)
            {
                throw new LoadFault("the assembly " + assembly.GetName().Name + " does not load: "
                    + string.Join("; ", fault.LoaderExceptions.Where(one => one != null).Select(one => one.Message).Distinct()));
            }
        }

        private static Type Named(IList<Type> types, EntryName entry)
        {
            var found = types.FirstOrDefault(type => type.FullName == entry.Type);
            if (found != null) return found;
            var byShortName = types.Where(type => type.Name == entry.Type).ToList();
            if (byShortName.Count == 1) return byShortName[0];
            // Name.Space.Class.Method
            var dot = entry.Type.LastIndexOf('.');
            if (dot > 0 && entry.Method == null)
            {
                var owner = types.FirstOrDefault(type => type.FullName == entry.Type.Substring(0, dot) || type.Name == entry.Type.Substring(0, dot));
                if (owner != null) return Named(types, EntryName.Parse(owner.FullName + "::" + entry.Type.Substring(dot + 1)), entry);
            }
            // Fission ignores the entry point of a single source file, whose class has a fixed name.
            var fixedName = types.Where(type => type.Name == "FissionFunction").ToList();
            if (fixedName.Count == 1) return fixedName[0];
            throw new LoadFault("the package has no class " + entry.Type + "; " + Offer(types));
        }

        private static Type Named(IList<Type> types, EntryName split, EntryName original)
        {
            var type = Named(types, split);
            if (MethodOf(type, split.Method) == null)
                throw new LoadFault("the package has no class " + original.Type + "; " + Offer(types));
            original.TakeMethod(split.Method);
            return type;
        }

        private static Type Sole(IList<Type> types, EntryName entry)
        {
            var candidates = Candidates(types, entry.Method);
            var preferred = candidates.Where(type => type.Name == "FissionFunction").ToList();
            if (preferred.Count != 1) preferred = candidates.Where(type => typeof(Fission.Functions.IFissionFunction).IsAssignableFrom(type)).ToList();
            if (preferred.Count == 1) return preferred[0];
            if (candidates.Count == 1) return candidates[0];
            throw new LoadFault("no entry point was named; " + Offer(types));
        }

        private static List<Type> Candidates(IEnumerable<Type> types, string method)
        {
            return types.Where(type => type.IsClass && !type.ContainsGenericParameters && MethodOf(type, method) != null).ToList();
        }

        private static MethodInfo MethodOf(Type type, string name)
        {
            return type.GetMethods(Any)
                .Where(method => name == null ? Array.IndexOf(Names, method.Name) >= 0 : method.Name == name)
                .Where(method => !method.IsGenericMethod && (method.IsStatic || !type.IsAbstract) && CallArguments.CanFill(method))
                .OrderBy(method => Array.IndexOf(Names, method.Name))
                .FirstOrDefault();
        }

        private static string Wanted(EntryName entry)
        {
            return entry.Method ?? string.Join(", ", Names);
        }

        private static string Offer(IList<Type> types)
        {
            var candidates = Candidates(types, null);
            return candidates.Count == 0
                ? "no class in it has a method Execute(FissionContext) or Handle(Request, Response)"
                : "classes that can be called: " + string.Join(", ", candidates.Select(type => type.FullName));
        }
    }
}
