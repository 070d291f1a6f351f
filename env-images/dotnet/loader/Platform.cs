using System;
using System.Collections.Generic;
using System.Reflection;

namespace Hearth.Loader
{
    /// <summary>What differs between Mono and .NET: compiling, loading, and making objects.</summary>
    public abstract class Platform
    {
        /// <summary>Compiles C# files. Throws LoadFault with the compiler's own text.</summary>
        public abstract Assembly Compile(IList<string> sources, string folder);

        public abstract Assembly Load(string file, string folder);

        /// <summary>Makes an object of the function's class; called once per call.</summary>
        public virtual Func<object> Maker(Type type)
        {
            return () => Activator.CreateInstance(type, true);
        }
    }

    /// <summary>Why a package cannot be loaded, in words for whoever deployed it.</summary>
    public sealed class LoadFault : Exception
    {
        public LoadFault(string message) : base(message)
        {
        }
    }
}
